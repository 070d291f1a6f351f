using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using System.Threading.Tasks;

// The names of Fission's environment for .NET 8.
namespace Fission.DotNet.Common
{
    public class FissionContext
    {
        protected Stream _content;
        protected Dictionary<string, object> _arguments;
        protected Dictionary<string, string> _headers;
        protected Dictionary<string, string> _parameters;

        public FissionContext(Stream body, Dictionary<string, object> arguments, Dictionary<string, string> headers, Dictionary<string, string> parameters)
        {
            if (body == null) throw new ArgumentNullException("body");
            if (arguments == null) throw new ArgumentNullException("arguments");
            if (headers == null) throw new ArgumentNullException("headers");
            if (parameters == null) throw new ArgumentNullException("parameters");
            _content = body;
            _arguments = arguments;
            _headers = headers;
            _parameters = parameters;
        }

        public Dictionary<string, object> Arguments
        {
            get { return _arguments; }
        }

        /// <summary>The path parameters of the route.</summary>
        public Dictionary<string, string> Parameters
        {
            get { return _parameters; }
        }

        public string TraceID
        {
            get { return GetHeaderValue("traceparent", Guid.NewGuid().ToString()); }
        }

        public string FunctionName
        {
            get { return GetHeaderValue("X-Fission-Function-Name"); }
        }

        public string Namespace
        {
            get { return GetHeaderValue("X-Fission-Function-Namespace"); }
        }

        public string ResourceVersion
        {
            get { return GetHeaderValue("X-Fission-Function-Resourceversion"); }
        }

        public string UID
        {
            get { return GetHeaderValue("X-Fission-Function-Uid"); }
        }

        public string Trigger
        {
            get { return GetHeaderValue("Source-Name"); }
        }

        public string ContentType
        {
            get { return GetHeaderValue("Content-Type"); }
        }

        public int ContentLength
        {
            get { return checked((int)_content.Length); }
        }

        public Stream Content
        {
            get { return _content; }
        }

        public async Task<string> ContentAsString()
        {
            _content.Position = 0;
            return await new StreamReader(_content, Encoding.UTF8).ReadToEndAsync();
        }

#if NET
        public async Task<T> ContentAs<T>(System.Text.Json.JsonSerializerOptions options = null)
        {
            return System.Text.Json.JsonSerializer.Deserialize<T>(await ContentAsString(), options);
        }
#else
        public async Task<T> ContentAs<T>()
        {
            return Newtonsoft.Json.JsonConvert.DeserializeObject<T>(await ContentAsString());
        }
#endif

        protected string GetHeaderValue(string key, string defaultValue = null)
        {
            string value;
            return _headers.TryGetValue(key, out value) ? value : defaultValue;
        }
    }

    public class FissionHttpContext : FissionContext
    {
        private readonly string _method;

        public FissionHttpContext(Stream body, string method, Dictionary<string, object> arguments, Dictionary<string, string> headers,
            Dictionary<string, string> parameters) : base(body, arguments, headers, parameters)
        {
            _method = method;
        }

        public Dictionary<string, string> Headers
        {
            get { return _headers; }
        }

        /// <summary>The URL that the caller used, without its query.</summary>
        public string Url
        {
            get { return GetHeaderValue("X-Fission-Full-Url", "/").Split('?')[0]; }
        }

        public string Method
        {
            get { return _method; }
        }

        public string Host
        {
            get { return GetHeaderValue("X-Forwarded-Host"); }
        }

        public int Port
        {
            get { return int.Parse(GetHeaderValue("X-Forwarded-Port", "0")); }
        }

        public string UserAgent
        {
            get { return GetHeaderValue("User-Agent"); }
        }
    }

    public class FissionMqContext : FissionContext
    {
        public FissionMqContext(Stream body, Dictionary<string, object> arguments, Dictionary<string, string> headers,
            Dictionary<string, string> parameters) : base(body, arguments, headers, parameters)
        {
        }

        public string Topic
        {
            get { return GetHeaderValue("Topic", GetHeaderValue("X-Fission-MQTrigger-Topic")); }
        }

        public string ErrorTopic
        {
            get { return GetHeaderValue("Errortopic", GetHeaderValue("X-Fission-MQTrigger-ErrorTopic")); }
        }

        public string ResponseTopic
        {
            get { return GetHeaderValue("Resptopic", GetHeaderValue("X-Fission-MQTrigger-RespTopic")); }
        }
    }
}
