"""The graph in the formats of others: networkx, GraphML, py2neo."""
