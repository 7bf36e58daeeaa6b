"""From any density of states to the vector that models see, and how alike two such vectors are."""
