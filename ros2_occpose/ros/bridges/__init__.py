"""What other packages understand: each bridge is on by a parameter, and imported only then."""
