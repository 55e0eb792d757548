"""The parts of benchmark_peers.py. Nothing in here is imported from anywhere else."""
