using System;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;

namespace Hearth.Loader
{
    /// <summary>A function that is ready to be called.</summary>
    public sealed class LoadedFunction
    {
        private readonly MethodInfo _method;
        private readonly Func<object> _maker;

        public LoadedFunction(MethodInfo method, Func<object> maker, string folder)
        {
            _method = method;
            _maker = maker;
            Folder = folder;
            Cors = CorsPolicy.Of(method.DeclaringType);
            // Static initializers and the constructor fail at load, where whoever deployed sees it, and not at the first call.
            RuntimeHelpers.RunClassConstructor(method.DeclaringType.TypeHandle);
            if (maker != null) maker();
        }

        public string Folder { get; }

        public CorsPolicy Cors { get; }

        /// <summary>Calls it, waits for a task, and returns what came of it; null for none.</summary>
        public object Invoke(CallArguments arguments)
        {
            var result = _method.Invoke(_maker == null ? null : _maker(), arguments.For(_method));
            var task = result as Task;
            if (task == null) return result;
            task.GetAwaiter().GetResult();
            var value = task.GetType().GetProperty("Result");
            var isVoid = value == null || value.PropertyType.Name == "VoidTaskResult";
            return isVoid ? null : value.GetValue(task);
        }
    }
}
