//! Whole slides: levels, regions, the tissue mask and the tile grid.
