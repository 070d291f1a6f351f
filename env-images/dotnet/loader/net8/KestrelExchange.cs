using System;
using System.Collections.Generic;
using System.IO;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Hearth.Loader
{
    /// <summary>A request of Kestrel's.</summary>
    public sealed class KestrelExchange : Exchange
    {
        private readonly HttpContext _context;
        private IDictionary<string, string> _headers;

        public KestrelExchange(HttpContext context)
        {
            _context = context;
        }

        public override string Method
        {
            get { return _context.Request.Method; }
        }

        public override string RawUrl
        {
            get { return _context.Features.Get<IHttpRequestFeature>().RawTarget; }
        }

        public override IDictionary<string, string> Headers
        {
            get { return _headers ?? (_headers = ReadHeaders()); }
        }

        public override Stream RequestBody
        {
            get { return _context.Request.Body; }
        }

        public override Stream Begin(int status, IEnumerable<KeyValuePair<string, string>> headers, long length)
        {
            var response = _context.Response;
            response.StatusCode = status;
            foreach (var header in headers)
            {
                if (!SaysHowBytesTravel(header.Key)) response.Headers.Append(header.Key, header.Value);
            }
            var hasBody = Method != "HEAD" && status != 204 && status != 304;
            if (length >= 0 && status != 204 && status != 304) response.ContentLength = length;
            return hasBody ? new Unbuffered(response.Body) : Stream.Null;
        }

        public override void End(bool broken)
        {
            if (broken) _context.Abort();
        }

        public override bool IsCallerGone(Exception fault)
        {
            return _context.RequestAborted.IsCancellationRequested || fault is ConnectionResetException || fault is ConnectionAbortedException;
        }

        private static bool SaysHowBytesTravel(string name)
        {
            var lower = name.ToLowerInvariant();
            return lower == "content-length" || lower == "transfer-encoding" || lower == "connection" || lower == "keep-alive";
        }

        private IDictionary<string, string> ReadHeaders()
        {
            var found = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            foreach (var header in _context.Request.Headers) found[header.Key] = header.Value.ToString();
            return found;
        }

        /// <summary>Kestrel gathers what is written; functions expect it to leave.</summary>
        private sealed class Unbuffered : Stream
        {
            private readonly Stream _body;

            public Unbuffered(Stream body)
            {
                _body = body;
            }

            public override bool CanRead
            {
                get { return false; }
            }

            public override bool CanSeek
            {
                get { return false; }
            }

            public override bool CanWrite
            {
                get { return true; }
            }

            public override long Length
            {
                get { throw new NotSupportedException(); }
            }

            public override long Position
            {
                get { throw new NotSupportedException(); }
                set { throw new NotSupportedException(); }
            }

            public override void Write(byte[] buffer, int offset, int count)
            {
                _body.Write(buffer, offset, count);
                _body.Flush();
            }

            public override void Flush()
            {
                _body.Flush();
            }

            public override int Read(byte[] buffer, int offset, int count)
            {
                throw new NotSupportedException();
            }

            public override long Seek(long offset, SeekOrigin origin)
            {
                throw new NotSupportedException();
            }

            public override void SetLength(long value)
            {
                throw new NotSupportedException();
            }
        }
    }
}
