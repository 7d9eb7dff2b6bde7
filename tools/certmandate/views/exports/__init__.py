"""Documents for other programs than ours: calendars and spreadsheets."""
