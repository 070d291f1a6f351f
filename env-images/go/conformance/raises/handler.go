package main

import "net/http"

func init() { panic("conformance-load") }

func Handler(w http.ResponseWriter, r *http.Request) {}
