<?php

declare(strict_types=1);

namespace HearthEnv;

use GuzzleHttp\Psr7\Response;
use Psr\Http\Message\ServerRequestInterface;

/** One request to the function: superglobals, output, result, and what happens when it fails or ends the process. */
final class Call
{
    private const BUFFER = 16 * 1024;
    private static bool $hadSession = false;
    private bool $isOurs = false;
    private string $echoed = '';

    public function __construct(
        private mixed $function,
        private ServerRequestInterface $request,
        private Connection $connection,
        private Reply $reply,
        private string $id
    ) {
    }

    public function run(): void
    {
        header_remove();
        http_response_code(200);
        ob_start($this->output(...), self::BUFFER);
        try {
            $this->request = Requests::withForm($this->request);
            Requests::setSuperglobals($this->request);
            self::$hadSession && session_id($_COOKIE[session_name()] ?? '');
            is_string($this->function) && is_file($this->function) ? $this->script() : $this->function();
        } catch (ConnectionLost $lost) {
            $this->dropOutput();
            throw $lost;
        } catch (FormRefused $refused) {
            $this->dropOutput();
            Answers::text($this->reply, $refused->getCode(), [], "{$refused->getMessage()}\n", 'text/plain; charset=utf-8');
        } catch (\Throwable $error) {
            $this->fail(Loader::trace($error), $error::class);
        } finally {
            InputWrapper::remove();
            Multipart::removeFiles();
            $this->endSession();
        }
    }

    private function script(): void
    {
        if (!$this->request->getBody()->eof()) {
            InputWrapper::install($this->request->getBody());
        }
        (static function (string $file) {
            require $file;
        })($this->function);
        $this->finishOutput();
    }

    private function function(): void
    {
        $response = new Response();
        $result = ($this->function)(['request' => $this->request, 'response' => $response, 'logger' => Worker::logger()]);
        if ($this->reply->hasStarted()) {
            $this->finishOutput();
            return;
        }
        $this->takeEchoed();
        Answers::send($this->reply, $result, $response, $this->echoed);
    }

    /** PHP calls this when output is flushed, when the buffer is full, and when it is closed. */
    private function output(string $data, int $phase): string
    {
        if ($this->isOurs) {
            $this->echoed .= $data;
            return '';
        }
        if ($phase & PHP_OUTPUT_HANDLER_CLEAN) {
            return '';
        }
        if ($phase & PHP_OUTPUT_HANDLER_FINAL && !$this->reply->hasStarted()) {
            // The function closed all buffers: PHP writes by itself from here on.
            [$status] = Answers::own();
            $this->reply->handOver($status);
            Kernel::replace(1, $this->connection->stream());
            return $data;
        }
        if ($data !== '' || $phase & PHP_OUTPUT_HANDLER_FLUSH) {
            $this->sendPiece($data);
        }
        return '';
    }

    private function sendPiece(string $data): void
    {
        try {
            if (!$this->reply->hasStarted()) {
                [$status, $headers] = Answers::own();
                $this->reply->begin($status, Answers::typed($headers, 'text/html; charset=UTF-8'));
            }
            $this->reply->piece($data);
        } catch (ConnectionLost) {
            Kernel::leave(0); // nobody hears the rest; nothing may be thrown through PHP's output layer
        }
    }

    private function takeEchoed(): void
    {
        while (ob_get_level() > 1) {
            ob_end_flush();
        }
        $this->isOurs = true;
        if (ob_get_level() > 0) {
            ob_end_flush();
        }
    }

    private function dropOutput(): void
    {
        $this->takeEchoed();
        $this->echoed = '';
    }

    /** The rest of what has been echoed, and the end of the answer. */
    private function finishOutput(): void
    {
        $this->takeEchoed();
        if ($this->reply->hasEnded()) {
            return; // handed over
        }
        if ($this->reply->hasStarted()) {
            $this->reply->piece($this->echoed);
            $this->reply->end();
            return;
        }
        [$status, $headers] = Answers::own();
        Answers::text($this->reply, $status, $headers, $this->echoed, 'text/html; charset=UTF-8');
    }

    /** The trace belongs into the log, not to the caller. */
    private function fail(?string $trace, string $kind): void
    {
        $this->dropOutput();
        if ($trace !== null) {
            error_log(rtrim($trace));
        }
        if ($this->reply->hasStarted()) {
            throw new ConnectionLost('the function failed after its answer had begun'); // the caller sees a cut answer
        }
        $text = "The function failed: $kind. Its log has the trace" . ($this->id === '' ? ".\n" : ", request id {$this->id}.\n");
        Answers::text($this->reply, 500, [], $text, 'text/plain; charset=utf-8');
    }

    /** From the shutdown of the process: exit() ends the answer in order, a fatal error does not. */
    public function interrupted(): void
    {
        InputWrapper::remove();
        Multipart::removeFiles();
        $this->reply->keepAlive = false;
        try {
            if (Loader::fatalError() !== null) {
                $this->fail(null, 'fatal error'); // PHP has logged it with file and line
            } elseif (!$this->reply->hasEnded()) {
                $this->finishOutput();
            } else {
                $this->takeEchoed();
            }
        } catch (ConnectionLost) {
            $this->connection->close();
        }
    }

    private function endSession(): void
    {
        if (function_exists('session_status') && session_status() === PHP_SESSION_ACTIVE) {
            session_write_close();
        }
        // PHP looks for the caller's cookie only as long as no session has been.
        self::$hadSession = self::$hadSession || (function_exists('session_id') && session_id() !== '');
        $_SESSION = [];
    }
}
