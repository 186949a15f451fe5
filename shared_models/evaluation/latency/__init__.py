"""What a frame costs in time, arithmetic and memory, stage by stage, beside the machine's measured peak."""
