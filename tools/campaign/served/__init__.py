"""Histories of servers that present certificates rightly or not; an auditor connects to them beside verify_served."""
