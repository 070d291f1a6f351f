using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Net.Sockets;

namespace Hearth.Loader
{
    /// <summary>A request of HttpListener's.</summary>
    public sealed class ListenerExchange : Exchange
    {
        private readonly HttpListenerContext _context;
        private readonly bool _lastOfConnection;
        private IDictionary<string, string> _headers;
        private Stream _body;

        public ListenerExchange(HttpListenerContext context, bool lastOfConnection)
        {
            _context = context;
            _lastOfConnection = lastOfConnection;
        }

        public override string Method
        {
            get { return _context.Request.HttpMethod; }
        }

        public override string RawUrl
        {
            get { return _context.Request.RawUrl; }
        }

        public override IDictionary<string, string> Headers
        {
            get { return _headers ?? (_headers = ReadHeaders()); }
        }

        public override Stream RequestBody
        {
            get { return _body ?? (_body = new WholeBody(_context.Request.InputStream)); }
        }

        public override Stream Begin(int status, IEnumerable<KeyValuePair<string, string>> headers, long length)
        {
            var response = _context.Response;
            response.StatusCode = status;
            foreach (var header in headers) SetHeader(response, header.Key, header.Value);
            if (_lastOfConnection) response.KeepAlive = false;
            var hasBody = Method != "HEAD" && status != 204 && status != 304;
            if (length >= 0 || !hasBody) response.ContentLength64 = hasBody ? length : Math.Max(length, 0);
            else response.SendChunked = true;
            return hasBody ? response.OutputStream : Stream.Null;
        }

        public override void End(bool broken)
        {
            try
            {
                if (broken) _context.Response.Abort();
                else _context.Response.Close();
            }
            catch (Exception fault)
            {
                if (!IsCallerGone(fault)) throw;
            }
        }

        public override bool IsCallerGone(Exception fault)
        {
            return fault is HttpListenerException || fault is SocketException || fault is ObjectDisposedException
                || (fault is IOException && fault.InnerException is SocketException);
        }

        private static void SetHeader(HttpListenerResponse response, string name, string value)
        {
            switch (name.ToLowerInvariant())
            {
                case "content-type":
                    response.ContentType = value;
                    break;
                case "location":
                    response.RedirectLocation = value;
                    break;
                // These say how the bytes travel, which is the server's to decide.
                case "content-length":
                case "transfer-encoding":
                case "connection":
                case "keep-alive":
                    break;
                default:
                    response.AppendHeader(name, value);
                    break;
            }
        }

        private IDictionary<string, string> ReadHeaders()
        {
            var found = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            foreach (string name in _context.Request.Headers) found[name] = _context.Request.Headers[name];
            return found;
        }
    }
}
