"""What undoes an occlusion: the protocol, training-free methods, and later trained ones."""
