"""Mails to RAOs: their texts in French and English, and how they are filled in. Nothing here sends."""
