"""Is the delegation set up in SCM as agreed? What SCM shows, the checks of it, and the findings."""
