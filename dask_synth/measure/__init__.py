"""What came: files to rows, and rows to sums that add up."""
