using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace Hearth.Loader
{
    /// <summary>One call: arguments for the function, its result as the answer.</summary>
    public sealed class Call
    {
        private readonly LoadedFunction _function;
        private readonly Exchange _exchange;
        private bool _begun;

        public Call(LoadedFunction function, Exchange exchange)
        {
            _function = function;
            _exchange = exchange;
        }

        /// <summary>False when the answer was begun and could not be completed.</summary>
        public bool Run()
        {
            var response = new Response(BeginStream);
            try
            {
                if (_function.Cors != null && IsPreflight())
                {
                    Begin(200, _function.Cors.Headers, 0);
                    return true;
                }
                var result = _function.Invoke(new CallArguments(_exchange, response, _function.Folder));
                Send(result, response);
                return true;
            }
            catch (Exception fault)
            {
                return Fail(Traces.Unwrap(fault));
            }
        }

        private bool IsPreflight()
        {
            return _exchange.Method == "OPTIONS" && _exchange.Header("Access-Control-Request-Method") != "";
        }

        private Stream BeginStream(Response response)
        {
            return Begin(response.Status, response.Headers, -1);
        }

        private Stream Begin(int status, IEnumerable<KeyValuePair<string, string>> headers, long length)
        {
            if (status < 200 || status > 599)
                throw new InvalidOperationException("the function set status " + status + "; it must be a number from 200 to 599");
            _begun = true;
            return _exchange.Begin(status, _function.Cors == null ? headers : headers.Concat(_function.Cors.Headers), length);
        }

        private void Send(object result, Response response)
        {
            if (response.HasBegun) return;
            var stream = result as Stream;
            if (stream != null)
            {
                using (stream) stream.CopyTo(Begin(response.Status, WithType(response, "application/octet-stream"), -1));
                return;
            }
            var bytes = result as byte[];
            if (bytes != null) SendBytes(bytes, response, "application/octet-stream");
            else if (result == null) SendBytes(new byte[0], response, null);
            else if (result is string) SendBytes(Encoding.UTF8.GetBytes((string)result), response, "text/plain; charset=utf-8");
            else SendBytes(Encoding.UTF8.GetBytes(ResultJson.Write(result)), response, "application/json; charset=utf-8");
        }

        private void SendBytes(byte[] bytes, Response response, string type)
        {
            var body = Begin(response.Status, WithType(response, type), bytes.Length);
            if (bytes.Length > 0) body.Write(bytes, 0, bytes.Length);
        }

        private static IEnumerable<KeyValuePair<string, string>> WithType(Response response, string type)
        {
            var isSet = response.Headers.Any(header => string.Equals(header.Key, "Content-Type", StringComparison.OrdinalIgnoreCase));
            return isSet || type == null ? response.Headers
                : response.Headers.Concat(new[] { new KeyValuePair<string, string>("Content-Type", type) });
        }

        private bool Fail(Exception fault)
        {
            if (_begun && _exchange.IsCallerGone(fault)) return false;
            Console.Error.Write(Traces.Of(fault));
            if (_begun) return false;
            var id = _exchange.Header("X-Request-Id");
            Instance.Text(_exchange, 500, "The function failed: " + fault.GetType().FullName + ". Its log has the trace"
                + (id == "" ? "" : ", request id " + id) + ".\n");
            return true;
        }
    }
}
