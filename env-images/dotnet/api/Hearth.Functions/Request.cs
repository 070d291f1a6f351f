using System;
using System.Collections.Generic;
using System.IO;

namespace Hearth
{
    /// <summary>What a plain handler reads. The body is a stream: it arrives while the handler runs.</summary>
    public sealed class Request
    {
        public Request(string method, string path, string rawQuery, IDictionary<string, string> query, IDictionary<string, string> headers, Stream body)
        {
            Method = method;
            Path = path;
            RawQuery = rawQuery;
            Query = query;
            Headers = headers;
            Body = body;
        }

        public string Method { get; }

        /// <summary>The path as it was sent, still percent-encoded.</summary>
        public string Path { get; }

        /// <summary>What stands behind the question mark; empty without one.</summary>
        public string RawQuery { get; }

        public IDictionary<string, string> Query { get; }

        /// <summary>By name in any case; values of one name are joined by commas.</summary>
        public IDictionary<string, string> Headers { get; }

        public Stream Body { get; }

        public string RequestId
        {
            get { return Header("X-Request-Id"); }
        }

        /// <summary>The value of a header, empty when it is missing.</summary>
        public string Header(string name)
        {
            string value;
            return Headers.TryGetValue(name, out value) ? value : "";
        }

        /// <summary>A path parameter of the route, empty when there is none of that name.</summary>
        public string PathParameter(string name)
        {
            return Header("X-Fission-Params-" + name);
        }
    }
}
