"""Many results side by side: merged, ranked, and written as CSV, Markdown and a page."""
