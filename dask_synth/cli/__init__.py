"""The face: commands, options, progress, and what is said when something ends."""
