"""What is likely wrong with a folder of users, found before anything is trained on it."""
