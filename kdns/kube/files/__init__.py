"""A cluster described by files: manifests read, watched, believed, and turned into objects."""
