"""Dashboards as code: what Grafana shows, made from the catalogue, the registry and the rules."""
