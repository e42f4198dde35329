import sys
from pathlib import Path

# By its name alone other processes can import objectives.py.
sys.path.insert(0, str(Path(__file__).parent))
