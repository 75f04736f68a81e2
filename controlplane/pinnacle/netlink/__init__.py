"""The kernel's view of network interfaces, read and changed: netlink, and ioctl where it must be.

``links`` (links, addresses, MTU, multicast) and ``rings`` go over netlink through pyroute2;
``ethtool`` holds the ioctls for what pyroute2 has no netlink messages for: channels, coalescing,
offloads, driver, time stamping, and the ntuple rules that steer flows to queues. ``nic`` puts all
of it together for one interface.

Nothing here keeps state, prints, or changes anything unless a function's name says so. pyroute2
runs an event loop of its own: from a coroutine, call these functions in a thread.
"""
