"""`python -m occbench` is `occbench`."""

from occbench.cli import main

if __name__ == "__main__":
    main()
