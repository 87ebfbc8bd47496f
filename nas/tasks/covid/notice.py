"""What stands beside whatever these tasks say of a patient."""

NOT_FOR_DIAGNOSIS = "for research and engineering only, not for diagnosis"
