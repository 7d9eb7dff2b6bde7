"""Files on disk: YAML with line numbers, delegation files, files written together. `local` uses them too."""
