using System;
using System.Collections.Generic;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace Hearth.Loader
{
    /// <summary>What a specialize request asks for.</summary>
    public sealed class Order
    {
        public string FilePath { get; private set; }

        public string FunctionName { get; private set; }

        public Dictionary<string, string> Env { get; private set; }

        public static Order FirstVersion()
        {
            return new Order { FilePath = "/userfunc/user", FunctionName = "", Env = new Dictionary<string, string>() };
        }

        /// <summary>Throws ArgumentException with a sentence for whoever sent it.</summary>
        public static Order Read(string body)
        {
            var order = Parse(body) as JObject;
            if (order == null) throw new ArgumentException("the body must be a JSON object with filepath and functionName");
            var path = order["filepath"];
            if (path == null || path.Type != JTokenType.String || (string)path == "")
                throw new ArgumentException("filepath must be the path of the code");
            var name = order["functionName"];
            if (name != null && name.Type != JTokenType.String && name.Type != JTokenType.Null)
                throw new ArgumentException("functionName must be a text such as MyFunction or Name.Space.MyFunction");
            return new Order { FilePath = (string)path, FunctionName = ((string)name ?? "").Trim(), Env = ReadEnv(order["env"]) };
        }

        private static JToken Parse(string body)
        {
            if (string.IsNullOrWhiteSpace(body)) throw new ArgumentException("the body is not JSON: it is empty");
            try
            {
                // Dates stay the texts that they are.
                return JsonConvert.DeserializeObject<JToken>(body, new JsonSerializerSettings { DateParseHandling = DateParseHandling.None });
            }
            catch (JsonException fault)
            {
                throw new ArgumentException("the body is not JSON: " + fault.Message);
            }
        }

        private static Dictionary<string, string> ReadEnv(JToken wanted)
        {
            var env = new Dictionary<string, string>();
            if (wanted == null || wanted.Type == JTokenType.Null) return env;
            var entries = wanted as JObject;
            if (entries == null) throw new ArgumentException("env must be an object of texts");
            foreach (var entry in entries)
            {
                if (entry.Value.Type != JTokenType.String) throw new ArgumentException("env must be an object of texts");
                env[entry.Key] = (string)entry.Value;
            }
            return env;
        }
    }
}
