"""Events for people: one for each thing that was seen, in a store on disk that loses and repeats none."""
