"""What a camera and a detector make of people: cameras, occlusion, errors, sequences."""
