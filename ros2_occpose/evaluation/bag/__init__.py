"""A recording through the pipeline, compared with skeletons that are taken for true."""
