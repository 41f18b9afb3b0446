"""What kdns costs, next to other servers: `python -m bench` measures, `bench/RESULTS.md` tells."""
