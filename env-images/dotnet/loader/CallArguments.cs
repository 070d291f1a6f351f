using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using Common = Fission.DotNet.Common;
using Core = Fission.DotNetCore.Api;
using Functions = Fission.Functions;

namespace Hearth.Loader
{
    /// <summary>Fills a function's parameters by their types: the contexts of Fission's environments, or Hearth's Request and Response.</summary>
    public sealed class CallArguments
    {
        private static readonly Dictionary<Type, Func<CallArguments, object>> Makers = new Dictionary<Type, Func<CallArguments, object>>
        {
            { typeof(Core.FissionContext), call => call.CoreContext() },
            { typeof(Functions.FissionContext), call => call.FunctionsContext() },
            { typeof(Common.FissionContext), call => call.CommonContext() },
            { typeof(Common.FissionHttpContext), call => call.HttpContext() },
            { typeof(Common.FissionMqContext), call => call.MqContext() },
            { typeof(Common.ILogger), call => new ConsoleLogger() },
            { typeof(Request), call => call.PlainRequest() },
            { typeof(Response), call => call.Response },
        };

        private readonly Exchange _exchange;
        private readonly string _folder;
        private MemoryStream _whole;

        public CallArguments(Exchange exchange, Response response, string folder)
        {
            _exchange = exchange;
            _folder = folder;
            Response = response;
        }

        public Response Response { get; }

        public static bool CanFill(MethodInfo method)
        {
            return method.GetParameters().All(parameter => Makers.ContainsKey(parameter.ParameterType));
        }

        public object[] For(MethodInfo method)
        {
            return method.GetParameters().Select(parameter => Makers[parameter.ParameterType](this)).ToArray();
        }

        private Request PlainRequest()
        {
            return new Request(_exchange.Method, _exchange.RawPath, _exchange.RawQuery, Query(), _exchange.Headers, _exchange.RequestBody);
        }

        private Core.FissionContext CoreContext()
        {
            var headers = ManyHeaders().ToDictionary(header => header.Key, header => header.Value, StringComparer.OrdinalIgnoreCase);
            var request = new Core.FissionHttpRequest(_exchange.Method, Url(), headers, Whole());
            return new Core.FissionContext(ObjectQuery(), new Core.Logger(), request) { PackagePath = _folder };
        }

        private Functions.FissionContext FunctionsContext()
        {
            var headers = ManyHeaders().ToDictionary(header => header.Key, header => header.Value, StringComparer.OrdinalIgnoreCase);
            return new Functions.FissionContext
            {
                Arguments = Query(),
                Logger = new Functions.FissionLogger(),
                PackagePath = _folder,
                Request = new Functions.FissionRequest { Method = _exchange.Method, Url = Url(), Headers = headers, Body = Whole() },
            };
        }

        private Common.FissionContext CommonContext()
        {
            var fromQueue = _exchange.Header("Topic") != "" || _exchange.Header("X-Fission-MQTrigger-Topic") != "";
            return fromQueue ? (Common.FissionContext)MqContext() : HttpContext();
        }

        private Common.FissionHttpContext HttpContext()
        {
            return new Common.FissionHttpContext(Whole(), _exchange.Method, ObjectQuery(), Headers(), PathParameters());
        }

        private Common.FissionMqContext MqContext()
        {
            return new Common.FissionMqContext(Whole(), ObjectQuery(), Headers(), PathParameters());
        }

        /// <summary>Fission's functions may ask for the body's length and read it twice, so they get it whole.</summary>
        private Stream Whole()
        {
            if (_whole != null) return _whole;
            long length;
            long.TryParse(_exchange.Header("Content-Length"), out length);
            _whole = new MemoryStream((int)Math.Min(Math.Max(length, 0), int.MaxValue));
            _exchange.RequestBody.CopyTo(_whole);
            _whole.Position = 0;
            return _whole;
        }

        private string Url()
        {
            var host = _exchange.Header("Host");
            return "http://" + (host == "" ? "localhost" : host) + _exchange.RawUrl;
        }

        private Dictionary<string, string> Query()
        {
            var found = new Dictionary<string, string>();
            foreach (var pair in _exchange.RawQuery.Split(new[] { '&' }, StringSplitOptions.RemoveEmptyEntries))
            {
                var equals = pair.IndexOf('=');
                var name = Decode(equals < 0 ? pair : pair.Substring(0, equals));
                var value = equals < 0 ? "" : Decode(pair.Substring(equals + 1));
                found[name] = found.ContainsKey(name) ? found[name] + "," + value : value;
            }
            return found;
        }

        private Dictionary<string, object> ObjectQuery()
        {
            return Query().ToDictionary(pair => pair.Key, pair => (object)pair.Value);
        }

        private Dictionary<string, string> Headers()
        {
            return new Dictionary<string, string>(_exchange.Headers, StringComparer.OrdinalIgnoreCase);
        }

        private IEnumerable<KeyValuePair<string, IEnumerable<string>>> ManyHeaders()
        {
            return _exchange.Headers.Select(header => new KeyValuePair<string, IEnumerable<string>>(header.Key, new[] { header.Value }));
        }

        private Dictionary<string, string> PathParameters()
        {
            const string prefix = "X-Fission-Params-";
            return _exchange.Headers.Where(header => header.Key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
                .ToDictionary(header => header.Key.Substring(prefix.Length), header => header.Value, StringComparer.OrdinalIgnoreCase);
        }

        private static string Decode(string text)
        {
            return Uri.UnescapeDataString(text.Replace('+', ' '));
        }
    }
}
