"""200 renewals by certmandate and by PyPI's cert-manager 4.0.0, from the same simulated SCM."""
