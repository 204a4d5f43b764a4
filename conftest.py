"""What every test of this repository shares; the fixtures of Seatrial itself come with its pytest plugin."""

pytest_plugins = ["fixtures.deployments"]
