"""Where and how what TensorFlow computes is compiled, kept and run."""
