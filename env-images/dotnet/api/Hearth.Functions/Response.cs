using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Hearth
{
    /// <summary>What a plain handler answers with. Status and headers are sent with the first byte of the body.</summary>
    public sealed class Response
    {
        private readonly Func<Response, Stream> _begin;
        private readonly List<KeyValuePair<string, string>> _headers = new List<KeyValuePair<string, string>>();
        private Stream _body;

        public Response(Func<Response, Stream> begin)
        {
            _begin = begin;
            Status = 200;
        }

        public int Status { get; set; }

        public IEnumerable<KeyValuePair<string, string>> Headers
        {
            get { return _headers; }
        }

        public bool HasBegun
        {
            get { return _body != null; }
        }

        /// <summary>Every write is sent at once.</summary>
        public Stream Body
        {
            get { return _body ?? (_body = _begin(this)); }
        }

        public Response SetHeader(string name, string value)
        {
            _headers.RemoveAll(header => string.Equals(header.Key, name, StringComparison.OrdinalIgnoreCase));
            return AddHeader(name, value);
        }

        public Response AddHeader(string name, string value)
        {
            if (HasBegun) throw new InvalidOperationException("the headers have been sent; set " + name + " before the body is written");
            _headers.Add(new KeyValuePair<string, string>(name, value));
            return this;
        }

        public void Write(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            Body.Write(bytes, 0, bytes.Length);
        }
    }
}
