"""Face masks: channel textures, the head-space grids they are stretched over, and the script that draws both."""
