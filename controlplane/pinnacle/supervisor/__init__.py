"""The supervisor of a live instance, and what its clients need: sockets, views, metrics.

``core`` runs the data plane, ``server`` answers on the control socket, ``readings`` says what an
instance's state segments hold. Nothing in here is on the path of a frame.
"""
