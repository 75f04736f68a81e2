"""A feed to receive: captures onto an interface, a re-request server, a lab in two namespaces."""
