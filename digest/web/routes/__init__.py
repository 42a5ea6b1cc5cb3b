"""The pages of the site, a module a subject; each has its own table of routes."""
