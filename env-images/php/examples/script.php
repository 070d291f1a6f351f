<?php

// Entry point script.php. A plain script, run for each request.
header('Content-Type: application/json');
http_response_code($_SERVER['REQUEST_METHOD'] === 'POST' ? 201 : 200);
echo json_encode(['method' => $_SERVER['REQUEST_METHOD'], 'query' => $_GET, 'body' => file_get_contents('php://input')]), "\n";
