"""Requests and responses: what goes over the wire, shared by server, client and agent."""
