"""How good it is: metrics, the open benchmark, its tables and pictures."""
