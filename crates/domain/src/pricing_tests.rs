//! Quotes: limits, conversions, and sums that add up.
