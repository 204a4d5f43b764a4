"""The load: Locust beside the run, its raw samples, and its own health."""
