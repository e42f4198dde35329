import os

# Set before TensorFlow is imported: its start-up notices would drown the reports of failures.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
