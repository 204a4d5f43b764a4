"""Loaded by Locust beside a user's own locustfile, which stays as it is; the name keeps clear of the user's modules."""

from locust import events

from seatrial.load.recorder import Recorder, listen, read_config

listen(events.init, Recorder(read_config()).attach)
