"""The scripts here are run by `test_parity.py`; pytest collects nothing from them."""

collect_ignore_glob = ["*.py"]
